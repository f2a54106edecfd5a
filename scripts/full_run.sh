#!/usr/bin/env bash
# CIFAR-100 from nothing to a table: data, a teacher, the students of each method, a report; in pieces that end by themselves.
#
#   until bash scripts/full_run.sh runs/full; do [ $? -eq 75 ] || break; done
#
# A call plays for PIECE seconds at most and exits 75 where there is more to do, and the same call goes on; 0 when DIR/report is
# written; anything else is an error of the command that it ran last. From the environment:
#   PIECE=520                      seconds of a call, and then those that a run takes to save, 120 at most
#   DATA_DIR=DIR/data              where the images are, or are prepared
#   ARCHIVE=                       CIFAR-100's official archive, where nothing can be downloaded
#   CHECKPOINT=                    a PyTorch teacher to convert, with its MEAN and STD, instead of training one
#   TEACHER=teacher:resnet34       the config of the teacher that is trained
#   STUDENTS='resnet18_8x resnet18_8x_small'
#   METHODS='dfad best akd'        configs; they play once for each student, akd with both in turn, as the seed does
#   FLAGS=--config.dtype=bfloat16  for every run; TEACHER_FLAGS and STUDENT_FLAGS for the one and the others
set -euo pipefail
directory=${1:?usage: full_run.sh DIR}
ends=$((SECONDS + ${PIECE:-520}))
export TFDS_DATA_DIR=${DATA_DIR:-$directory/data}
read -ra everywhere <<<"${FLAGS---config.dtype=bfloat16}"
read -ra of_teacher <<<"${TEACHER_FLAGS-}"
read -ra of_students <<<"${STUDENT_FLAGS-}"
scripts=$(dirname "$0")
mkdir -p "$directory/done"

# NAME COMMAND...: the command, unless it is done, within what is left of this call.
stage() {
  local name=$1 left=$((ends - SECONDS)) status=0
  shift
  [ -e "$directory/done/$name" ] && return
  [ "$left" -gt 0 ] || exit 75
  echo "== $name"
  # A run that is told to end saves first, which may take the rest of a dispatch.
  timeout --foreground --signal=TERM --kill-after=120 --preserve-status "$left" "$@" || status=$?
  case $status in
    0) touch "$directory/done/$name" ;;
    143) exit 75 ;;
    *) exit "$status" ;;
  esac
}

archive=()
[ -z "${ARCHIVE-}" ] || archive=(--archive "$ARCHIVE" --trust)
stage prepare python "$scripts/prepare_data.py" cifar100 "${archive[@]}"

if [ -n "${CHECKPOINT-}" ]; then
  teacher=$directory/teacher
  stage teacher python "$scripts/convert_teacher.py" "$CHECKPOINT" --out "$teacher" --data cifar100 \
    ${MEAN:+--mean "$MEAN"} ${STD:+--std "$STD"}
else
  teacher=$directory/runs/teacher/teacher
  stage teacher python "$scripts/train_teacher.py" --config "${TEACHER:-teacher:resnet34}" \
    --workdir "$directory/runs/teacher" "${everywhere[@]}" "${of_teacher[@]}"
fi

# NAME CONFIG FLAG...: a run of students.
distil() {
  stage "$1" python "$scripts/train.py" --config "$2" --workdir "$directory/runs/$1" \
    --config.teacher.path="$teacher" "${everywhere[@]}" "${of_students[@]}" "${@:3}"
}

read -ra students <<<"${STUDENTS:-resnet18_8x resnet18_8x_small}"
for method in ${METHODS-dfad best akd}; do
  if [ "$method" = akd ]; then
    distil akd akd --config.students="($(printf "'%s'," "${students[@]}"))"
  else
    for student in "${students[@]}"; do
      distil "${method/:/_}_$student" "$method" --config.students="$student"
    done
  fi
done

python "$scripts/compare.py" "$directory/runs" --out "$directory/report"  # whatever was there before
